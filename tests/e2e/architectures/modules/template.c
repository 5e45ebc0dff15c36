// A module with one line of its own.
#include <linux/module.h>

static int answer = 3;
int shared = 4;
void odd(void);

ODD_CODE

static int __init start(void)
{
	pr_info("answer %d\n", answer);
	return 0;
}

static void __exit end(void)
{
}

module_init(start);
module_exit(end);
MODULE_DESCRIPTION("One relocation of a kind");
MODULE_LICENSE("GPL");
