// SPDX-License-Identifier: GPL-2.0
// Uses a symbol of a namespace and imports the namespace.
#include <linux/module.h>

int kmm_spaced(int x);

static int __init kmm_nsuser_init(void)
{
	pr_info("kmm_nsuser: %d\n", kmm_spaced(1));
	return 0;
}

static void __exit kmm_nsuser_exit(void)
{
}

module_init(kmm_nsuser_init);
module_exit(kmm_nsuser_exit);
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(KMM_SPACE);
