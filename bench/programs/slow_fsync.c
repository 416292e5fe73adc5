/* SPDX-License-Identifier: ISC */
/*
 * slow_fsync.c - a disk whose syncs take 10 ms longer, put before the C library by LD_PRELOAD
 *
 * It calls the real function, too, so that nothing becomes less durable.
 */
#include <dlfcn.h>
#include <time.h>

static int slowly(int fd, const char *name)
{
	struct timespec wait = {.tv_nsec = 10 * 1000 * 1000};
	int (*real)(int);

	*(void **)&real = dlsym(RTLD_NEXT, name);
	nanosleep(&wait, NULL);
	return real(fd);
}

int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
	return slowly(fd, "fsync");
}

int fdatasync(int fd)
{
	return slowly(fd, "fdatasync");
}
