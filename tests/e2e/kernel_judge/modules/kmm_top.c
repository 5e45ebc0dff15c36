// SPDX-License-Identifier: GPL-2.0
// Third of a chain: kmm_top, kmm_user, kmm_base.
#include <linux/module.h>

int kmm_middle(int x);

static int __init kmm_top_init(void)
{
	pr_info("kmm_top: %d\n", kmm_middle(1));
	return 0;
}

static void __exit kmm_top_exit(void)
{
}

module_init(kmm_top_init);
module_exit(kmm_top_exit);
MODULE_LICENSE("GPL");
