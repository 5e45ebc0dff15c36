// SPDX-License-Identifier: GPL-2.0
// Has the name of a part of the kernel that has parameters.
#include <linux/module.h>

static int answer = 42;
module_param(answer, int, 0444);
MODULE_PARM_DESC(answer, "the answer");
static bool loud;
module_param(loud, bool, 0444);
static char *label = "none";
module_param(label, charp, 0444);
static int steps[3];
static int given;
module_param_array(steps, int, &given, 0444);

static int __init printk_init(void)
{
	pr_info("printk: %d %s %d\n", answer, label, given + loud);
	return 0;
}

static void __exit printk_exit(void)
{
	pr_info("printk: bye\n");
}

module_init(printk_init);
module_exit(printk_exit);
MODULE_ALIAS("kmm-alias-of-printk");
MODULE_LICENSE("GPL");
