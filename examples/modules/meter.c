// SPDX-License-Identifier: GPL-2.0
/* Counts how often it was loaded, which is once. */
#include <linux/module.h>

static int count = 1;
module_param(count, int, 0444);

static int __init meter_init(void)
{
	return 0;
}

static void __exit meter_exit(void)
{
}

module_init(meter_init);
module_exit(meter_exit);
MODULE_DESCRIPTION("A counter");
MODULE_LICENSE("GPL");
