/* SPDX-License-Identifier: ISC */
/*
 * base/clock.c - the clocks of base/clock.h, from the kernel
 */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t id, int64_t per_second)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * per_second + ts.tv_nsec / (1000000000 / per_second);
}

int64_t clock_wall_ms(void)
{
	return now(CLOCK_REALTIME, 1000);
}

int64_t clock_mono_us(void)
{
	return now(CLOCK_MONOTONIC, 1000000);
}

int64_t clock_since_boot_ms(void)
{
	return now(CLOCK_BOOTTIME, 1000);
}

static int64_t boot_id;

static void read_boot_id(void)
{
	/* A random UUID from the kernel: its first 15 hexadecimal digits are enough to differ. */
	char text[40], digits[16];
	size_t n = 0;
	ssize_t len;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	for (ssize_t i = 0; i < len && n < sizeof(digits) - 1; i++)
		if (text[i] != '-' && text[i] != '\n')
			digits[n++] = text[i];
	digits[n] = '\0';
	boot_id = (int64_t)strtoull(digits, NULL, 16);
}

int64_t clock_boot_id(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_boot_id);
	return boot_id;
}
