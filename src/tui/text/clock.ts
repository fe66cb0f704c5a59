const two = (n: number): string => String(n).padStart(2, '0');

/** `14:02:11`, in this machine's time zone. `at` in milliseconds since 1970. */
export function timeOfDay(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `22 Nov 14:02`; with the year where it is another one than now. */
export function dayAndTime(at: number, now: number): string {
  const date = new Date(at);
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${two(date.getDate())} ${months[date.getMonth()] ?? ''}${year} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
