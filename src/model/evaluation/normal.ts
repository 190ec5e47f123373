/** The normal distribution, and Student's t. */

/** Φ, within 1e-7 (Abramowitz & Stegun 7.1.26). */
export function normalShare(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail = 0.5 * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
  return z < 0 ? tail : 1 - tail;
}

/** Φ⁻¹ for p in (0, 1), within 1e-8 relatively (P. J. Acklam's rational approximation, 2003). */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783)
      / ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1);
  }
  const q = p - 0.5;
  const r = q * q;
  return ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r - 30.66479806614716) * r + 2.506628277459239) * q)
    / (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r - 13.28068155288572) * r + 1);
}

/** Quantile of Student's t, within 1 % from 5 degrees of freedom on and for p from 0.005 to 0.995. */
export function studentQuantile(p: number, freedom: number): number {
  return studentFromNormal(normalQuantile(p), freedom);
}

/** The value of Student's t with as much beyond it as beyond z of a normal one (Cornish, Fisher 1938, three terms). */
export function studentFromNormal(z: number, freedom: number): number {
  const z2 = z * z;
  return z * (1 + (z2 + 1) / (4 * freedom) + ((5 * z2 + 16) * z2 + 3) / (96 * freedom ** 2) + (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * freedom ** 3));
}
