// SPDX-License-Identifier: GPL-2.0
/* A platform driver for a device that always measures the same. */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static ssize_t celsius_show(struct device *dev, struct device_attribute *attr, char *to)
{
	return sysfs_emit(to, "21\n");
}
static DEVICE_ATTR_RO(celsius);

static int sensor_probe(struct platform_device *device)
{
	return device_create_file(&device->dev, &dev_attr_celsius);
}

static int sensor_remove(struct platform_device *device)
{
	device_remove_file(&device->dev, &dev_attr_celsius);
	return 0;
}

static struct platform_driver sensor = {
	.driver.name = "sensor",
	.probe = sensor_probe,
	.remove = sensor_remove,
};

module_platform_driver(sensor);
MODULE_DESCRIPTION("A constant temperature");
MODULE_LICENSE("GPL");
