// SPDX-License-Identifier: GPL-2.0
// Needs only what every kernel has.
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

static int __init kmm_good_init(void)
{
	pr_info("kmm_good: %d %s %d\n", answer, label, given + loud);
	return 0;
}

static void __exit kmm_good_exit(void)
{
	pr_info("kmm_good: bye\n");
}

module_init(kmm_good_init);
module_exit(kmm_good_exit);
MODULE_ALIAS("kmm-alias-of-good");
MODULE_LICENSE("GPL");
