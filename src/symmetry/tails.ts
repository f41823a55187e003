/**
 * Logarithms of tail probabilities, accurate where the probabilities themselves underflow. The continued fractions and series are those of
 * Abramowitz and Stegun (26.2.10 and 26.2.14 normal, 6.5.29 and 6.5.31 gamma, 26.5.8 beta), evaluated by Lentz's method.
 */

const LOG_SQRT_2PI = 0.9189385332046727;
const LN_2 = Math.LN2;
const RELATIVE_ERROR = 1e-16;
/** More terms than any continued fraction below needs; a bound, not a setting. */
const MAX_TERMS = 100_000;
/** Keeps Lentz's method from dividing by zero. */
const TINY = 1e-300;

/** Logarithm of the gamma function for x > 0 (Stirling's series after moving x above 10). */
export function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  while (y < 10) {
    shift += Math.log(y);
    y += 1;
  }
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))))) / y;
  return (y - 0.5) * Math.log(y) - y + LOG_SQRT_2PI + series - shift;
}

/** Logarithm of n!. */
export function logFactorial(n: number): number {
  return n < 2 ? 0 : logGamma(n + 1);
}

/** Logarithm of P(Z > z) of a standard normal variable; exact to rounding from z = -38 to z = 1e150. */
export function logNormalTail(z: number): number {
  if (z < -2) return Math.log1p(-Math.exp(logNormalTail(-z)));
  if (z < 2) return Math.log(0.5 - normalSeries(z));
  // Mills ratio: 1 / (z + 1 / (z + 2 / (z + 3 / ...))).
  return (
    -0.5 * z * z -
    LOG_SQRT_2PI -
    Math.log(
      continuedFraction(
        z,
        (k) => k,
        () => z,
      ),
    )
  );
}

/** Logarithm of P(X > x) of a chi-square variable with `degrees` degrees of freedom. */
export function logChiSquareTail(x: number, degrees: number): number {
  return logGammaTail(degrees / 2, x / 2);
}

/** Logarithm of P(T > t) of Student's t with `degrees` degrees of freedom. */
export function logStudentTail(t: number, degrees: number): number {
  if (t < 0) return Math.log1p(-Math.exp(logStudentTail(-t, degrees)));
  const outside = degrees / (degrees + t * t);
  const inside = (t * t) / (degrees + t * t);
  return logBeta(outside, inside, degrees / 2, 0.5) - LN_2;
}

function normalSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let k = 1; Math.abs(term) > RELATIVE_ERROR * Math.abs(sum); k++) {
    term *= (z * z) / (2 * k + 1);
    sum += term;
  }
  return sum * Math.exp(-0.5 * z * z - LOG_SQRT_2PI);
}

/** b0 + a1 / (b1 + a2 / (b2 + ...)) with a = numerator(k), b = denominator(k). */
function continuedFraction(b0: number, numerator: (k: number) => number, denominator: (k: number) => number): number {
  let value = b0 === 0 ? TINY : b0;
  let c = value;
  let d = 0;
  for (let k = 1; k < MAX_TERMS; k++) {
    const a = numerator(k);
    const b = denominator(k);
    d = b + a * d;
    d = 1 / (d === 0 ? TINY : d);
    c = b + a / c;
    if (c === 0) c = TINY;
    value *= c * d;
    if (Math.abs(c * d - 1) < RELATIVE_ERROR * 4) break;
  }
  return value;
}

/** Logarithm of the regularised upper incomplete gamma function Q(a, x). */
function logGammaTail(a: number, x: number): number {
  if (x <= 0) return 0;
  const front = a * Math.log(x) - x - logGamma(a);
  if (x < a + 1) return Math.log1p(-Math.exp(front + Math.log(lowerGammaSeries(a, x))));
  return (
    front -
    Math.log(
      continuedFraction(
        x + 1 - a,
        (k) => k * (a - k),
        (k) => x + 2 * k + 1 - a,
      ),
    )
  );
}

function lowerGammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > RELATIVE_ERROR * sum; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum;
}

/** Logarithm of the regularised incomplete beta function I_x(a, b); `complement` is 1 - x, given apart because it may be tiny. */
function logBeta(x: number, complement: number, a: number, b: number): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY;
  if (complement <= 0) return 0;
  if (x > (a + 1) / (a + b + 2)) return Math.log1p(-Math.exp(logBeta(complement, x, b, a)));
  const front = a * Math.log(x) + b * Math.log(complement) + logGamma(a + b) - logGamma(a) - logGamma(b) - Math.log(a);
  return (
    front -
    Math.log(
      continuedFraction(
        1,
        (k) => betaNumerator(k, x, a, b),
        () => 1,
      ),
    )
  );
}

function betaNumerator(k: number, x: number, a: number, b: number): number {
  const m = Math.floor(k / 2);
  if (k % 2 === 0) return (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
  return (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
}
