/** A whole number with groups of three: 1,234,567. */
export function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number in few letters, with a unit of thousands: 950, 25.6 k, 25.6 M, 4.1 G. */
export function formatShort(value: number): string {
  return withPrefix(value, ['', ' k', ' M', ' G', ' T', ' P']);
}

/** Bytes in decimal units: 512 B, 39.3 MB, 1.20 GB. */
export function formatBytes(bytes: number): string {
  return withPrefix(bytes, [' B', ' kB', ' MB', ' GB', ' TB', ' PB']);
}

function withPrefix(value: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return `${value}${units[0]}`;
  let scaled = Math.abs(value);
  let unit = 0;
  // 999.5 would print as 1000 of the smaller unit
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const text = unit === 0 ? String(Math.round(scaled)) : scaled.toPrecision(3);
  return `${value < 0 ? '-' : ''}${text}${units[unit]}`;
}

/** A duration in seconds: 350 ms, 4.2 s, 58 s, 4 min 05 s, 1 h 02 min, 3 d 4 h; "-" when not finite or negative. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '-';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A fraction as a percentage with one decimal: 47.3 %. */
export function formatPercent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}

/** A number with so many significant digits, without an exponent from 0.0001 to 1,000,000; zero as 0. */
export function formatNumber(value: number, digits = 4): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(Math.max(0, digits - 2));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(decimals);
}

/** A figure in units as it was printed, at least one digit behind the point: 22.1 of 22.1e6 in millions. */
export function formatPrinted(value: number, unit: number): string {
  const text = String(Number((value / unit).toPrecision(12)));
  return text.includes('.') ? text : `${text}.0`;
}
