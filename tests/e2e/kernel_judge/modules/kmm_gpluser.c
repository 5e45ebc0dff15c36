// SPDX-License-Identifier: GPL-2.0
// Uses a GPL-only symbol of kmm_base.
#include <linux/module.h>

int kmm_gpl(int x);

static int __init kmm_gpluser_init(void)
{
	pr_info("kmm_gpluser: %d\n", kmm_gpl(1));
	return 0;
}

static void __exit kmm_gpluser_exit(void)
{
}

module_init(kmm_gpluser_init);
module_exit(kmm_gpluser_exit);
MODULE_LICENSE("GPL");
