// SPDX-License-Identifier: GPL-2.0
// Has the name of an in-tree module.
#include <linux/module.h>

static void __exit kmm_dummy_exit(void)
{
}

module_exit(kmm_dummy_exit);
MODULE_LICENSE("GPL");
