// SPDX-License-Identifier: GPL-2.0
// Links, and then finds no device.
#include <linux/module.h>

static int __init kmm_initfail_init(void)
{
	return -ENODEV;
}

static void __exit kmm_initfail_exit(void)
{
}

module_init(kmm_initfail_init);
module_exit(kmm_initfail_exit);
MODULE_LICENSE("GPL");
