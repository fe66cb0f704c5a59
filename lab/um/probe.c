/*
 * The first and only program of a machine that is started to see whether the kernel runs here: it says that programs run
 * and whether OpenZFS is there, and switches the machine off.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  char line[128];
  int has_zfs = 0;
  mount("proc", "/proc", "proc", 0, NULL);
  FILE *systems = fopen("/proc/filesystems", "r");
  while (systems != NULL && fgets(line, sizeof line, systems) != NULL) has_zfs |= strstr(line, "zfs") != NULL;
  printf("drover-probe: programs run, zfs %s\n", has_zfs ? "is there" : "is missing");
  fflush(stdout);
  reboot(RB_POWER_OFF);
  pause();
}
