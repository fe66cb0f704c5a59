/*
 * The wire of a machine in a lab without root:  wire SOCKET PROGRAM ARGS…
 *
 * Runs the program with an open file descriptor 3, on which each message is one Ethernet frame, and carries the frames
 * to and from the lab's switch, which listens on the Unix socket SOCKET and takes them as QEMU's `-netdev stream` sends
 * them: four bytes of length, high byte first, then the frame. A switch that goes away is looked for again.
 * Ends with the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MACHINE_FD = 3, LONGEST = 65536 + 64, AGAIN_MS = 200 };

static unsigned char from_switch[4 + LONGEST];
static size_t filled;

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static int write_all(int fd, const unsigned char *bytes, size_t count) {
  while (count > 0) {
    ssize_t done = send(fd, bytes, count, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    bytes += done;
    count -= (size_t)done;
  }
  return 0;
}

/* One frame of the machine's. -1: the machine has ended; -2: the switch has. */
static int to_switch(int machine, int wire) {
  static unsigned char frame[4 + LONGEST];
  ssize_t length = recv(machine, frame + 4, LONGEST, 0);
  if (length < 0 && errno == EINTR) return 0;
  if (length <= 0) return -1;
  if (wire < 0) return 0; /* no cable: the frame is lost */
  uint32_t head = htonl((uint32_t)length);
  memcpy(frame, &head, 4);
  return write_all(wire, frame, 4 + (size_t)length) == 0 ? 0 : -2;
}

/* What the switch has sent: every whole frame goes to the machine, or is lost where it does not take it. */
static int to_machine(int wire, int machine) {
  ssize_t count = recv(wire, from_switch + filled, sizeof from_switch - filled, 0);
  if (count < 0 && errno == EINTR) return 0;
  if (count <= 0) return -2;
  filled += (size_t)count;
  size_t at = 0;
  while (filled - at >= 4) {
    uint32_t length;
    memcpy(&length, from_switch + at, 4);
    length = ntohl(length);
    if (length > LONGEST) return -2;
    if (filled - at - 4 < length) break;
    send(machine, from_switch + at + 4, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    at += 4 + length;
  }
  memmove(from_switch, from_switch + at, filled - at);
  filled -= at;
  return 0;
}

static void carry(const char *path, int machine) {
  int wire = -1;
  for (;;) {
    if (wire < 0) {
      wire = connect_to(path);
      filled = 0;
    }
    struct pollfd ends[2] = {{machine, POLLIN, 0}, {wire, POLLIN, 0}};
    poll(ends, 2, wire < 0 ? AGAIN_MS : -1);
    int end = 0;
    if (ends[0].revents != 0) end = to_switch(machine, wire);
    if (end == 0 && wire >= 0 && ends[1].revents != 0) end = to_machine(wire, machine);
    if (end == -1) return;
    if (end == -2) {
      close(wire);
      wire = -1;
    }
  }
}

int main(int count, char **words) {
  int ends[2];
  if (count < 3) {
    fprintf(stderr, "usage: wire SOCKET PROGRAM [ARGUMENT]...\n");
    return 64;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    perror("wire: socketpair");
    return 1;
  }
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) {
    perror("wire: fork");
    return 1;
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return 0;
    close(ends[0]);
    carry(words[1], ends[1]);
    return 0;
  }
  if (ends[0] == MACHINE_FD) {
    /* dup2 would leave the mark that closes it. */
    int other = dup(ends[0]);
    close(ends[0]);
    ends[0] = other;
  }
  if (dup2(ends[0], MACHINE_FD) < 0) {
    perror("wire: dup2");
    return 1;
  }
  execv(words[2], words + 2);
  perror(words[2]);
  return 127;
}
