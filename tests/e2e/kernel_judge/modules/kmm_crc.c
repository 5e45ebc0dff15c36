// SPDX-License-Identifier: GPL-2.0
// Needs an in-tree module.
#include <linux/module.h>
#include <linux/crc7.h>

static u8 input[3] = { 1, 2, 3 };

static int __init kmm_crc_init(void)
{
	pr_info("kmm_crc: %d\n", crc7_be(0, input, sizeof(input)));
	return 0;
}

static void __exit kmm_crc_exit(void)
{
}

module_init(kmm_crc_init);
module_exit(kmm_crc_exit);
MODULE_LICENSE("GPL");
