// SPDX-License-Identifier: GPL-2.0
// Exports symbols of every kind for the other modules.
#include <linux/module.h>

int kmm_open(int x);
int kmm_gpl(int x);
int kmm_spaced(int x);

int kmm_open(int x)
{
	return x + 1;
}
EXPORT_SYMBOL(kmm_open);

int kmm_gpl(int x)
{
	return x + 2;
}
EXPORT_SYMBOL_GPL(kmm_gpl);

int kmm_spaced(int x)
{
	return x + 3;
}
EXPORT_SYMBOL_NS_GPL(kmm_spaced, KMM_SPACE);

static void __exit kmm_base_exit(void)
{
}

module_exit(kmm_base_exit);
MODULE_LICENSE("GPL");
