// SPDX-License-Identifier: GPL-2.0
// Exports a name that kmm_base exports too.
#include <linux/module.h>

int kmm_open(int x);

int kmm_open(int x)
{
	return x;
}
EXPORT_SYMBOL(kmm_open);

static void __exit kmm_twin_exit(void)
{
}

module_exit(kmm_twin_exit);
MODULE_LICENSE("GPL");
