// SPDX-License-Identifier: GPL-2.0
// Uses an unrestricted symbol of kmm_base.
#include <linux/module.h>

int kmm_open(int x);
int kmm_middle(int x);

int kmm_middle(int x)
{
	return kmm_open(x);
}
EXPORT_SYMBOL(kmm_middle);

static int __init kmm_user_init(void)
{
	pr_info("kmm_user: %d\n", kmm_open(1));
	return 0;
}

static void __exit kmm_user_exit(void)
{
}

module_init(kmm_user_init);
module_exit(kmm_user_exit);
MODULE_LICENSE("GPL");
