// SPDX-License-Identifier: GPL-2.0
// Wants other modules around it, but does not need them.
#include <linux/module.h>

static void __exit kmm_soft_exit(void)
{
}

module_exit(kmm_soft_exit);
MODULE_SOFTDEP("pre: kmm_base post: kmm_good");
MODULE_FIRMWARE("kmm/blob.bin");
MODULE_LICENSE("GPL");
