// SPDX-License-Identifier: GPL-2.0
/* /dev/ticker: reads as the kernel's uptime in seconds. */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static ssize_t ticker_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char text[24];
	int length = scnprintf(text, sizeof(text), "%lld\n", ktime_get_boottime_seconds());

	return simple_read_from_buffer(to, size, at, text, length);
}

static const struct file_operations ticker_operations = {
	.owner = THIS_MODULE,
	.read = ticker_read,
};

static struct miscdevice ticker = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ticker",
	.fops = &ticker_operations,
};

module_misc_device(ticker);
MODULE_DESCRIPTION("Uptime in seconds");
MODULE_LICENSE("GPL");
