// SPDX-License-Identifier: GPL-2.0
// Uses a GPL-only symbol of the kernel itself.
#include <linux/module.h>
#include <linux/kobject.h>

static struct kobject *object;

static int __init kmm_kernelgpl_init(void)
{
	object = kobject_create_and_add("kmm_kernelgpl", kernel_kobj);
	return object ? 0 : -ENOMEM;
}

static void __exit kmm_kernelgpl_exit(void)
{
	kobject_put(object);
}

module_init(kmm_kernelgpl_init);
module_exit(kmm_kernelgpl_exit);
MODULE_LICENSE("GPL");
