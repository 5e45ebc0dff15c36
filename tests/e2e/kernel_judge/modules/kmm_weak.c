// SPDX-License-Identifier: GPL-2.0
// Can do without a function that nobody exports.
#include <linux/module.h>

int __weak kmm_nowhere(int x);

static int __init kmm_weak_init(void)
{
	pr_info("kmm_weak: %d\n", kmm_nowhere ? kmm_nowhere(1) : 0);
	return 0;
}

static void __exit kmm_weak_exit(void)
{
}

module_init(kmm_weak_init);
module_exit(kmm_weak_exit);
MODULE_LICENSE("GPL");
