// SPDX-License-Identifier: GPL-2.0
// Calls a function that nobody exports.
#include <linux/module.h>

int kmm_nowhere(int x);

static int __init kmm_missing_init(void)
{
	return kmm_nowhere(1) ? 0 : -EINVAL;
}

static void __exit kmm_missing_exit(void)
{
}

module_init(kmm_missing_init);
module_exit(kmm_missing_exit);
MODULE_LICENSE("GPL");
