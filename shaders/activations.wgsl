// The activations that few models have: GELU, its approximation, ELU, softplus and ln x². crates/kernels has the same formulas
// in activation.rs.

// Φ(−a) within 8e-8 for 0 ≤ a ≤ 13, of bell = exp(−a²/2), by formula 7.1.26 of Abramowitz & Stegun (1964).
fn tail(a: vec4<f32>, bell: vec4<f32>) -> vec4<f32> {
    let t = 1.0 / (1.0 + 0.2316419 * a);
    return 0.5 * bell * t * (0.2548296 + t * (-0.28449674 + t * (1.4214137 + t * (-1.453152 + t * 1.0614054))));
}

// √(8/π) and 0.044715 times that: the approximation of GELU is x · sigmoid(a x + b x³).
const CURVE = vec2(1.5957691, 0.071354814);

fn other(v: vec4<f32>) -> vec4<f32> {
    let zero = vec4(0.0);
    switch ACTIVATION {
        case 4u: {
            let a = min(abs(v), vec4(13.0));
            return max(v, zero) - a * tail(a, exp(-0.5 * a * a));
        }
        case 5u: {
            // A GPU may return anything if x³ overflows.
            let x = clamp(v, vec4(-10.0), vec4(10.0));
            return max(v, vec4(-10.0)) * sigmoid(x * (CURVE.x + CURVE.y * x * x));
        }
        case 6u: { return max(v, zero) + exp(max(min(v, zero), vec4(-80.0))) - 1.0; }
        case 7u: {
            let u = exp(-min(abs(v), vec4(80.0)));
            // ln(1 + u) = 2 artanh(s), of which 1/3 is the largest s: log(1 + u) has no digits of a small u.
            let s = u / (2.0 + u);
            let q = s * s;
            let series = 2.0 + q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0 + q * (2.0 / 11.0 + q * (2.0 / 13.0))))));
            return max(v, zero) + s * series;
        }
        case 8u: { return 2.0 * log(max(abs(v), vec4(1e-15))); }
        default: { return v; }
    }
}

// The derivatives: of ELU and softplus from the result, of the others from the argument.
fn other_slope(s: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 4u: {
            let x = clamp(s, vec4(-13.0), vec4(13.0));
            let a = abs(x);
            let bell = exp(-0.5 * a * a);
            let q = tail(a, bell);
            return select(q, 1.0 - q, x > vec4(0.0)) + 0.3989423 * x * bell;
        }
        case 5u: {
            let x = clamp(s, vec4(-10.0), vec4(10.0));
            let p = sigmoid(x * (CURVE.x + CURVE.y * x * x));
            return p + x * p * (1.0 - p) * (CURVE.x + 3.0 * CURVE.y * x * x);
        }
        case 6u: { return min(s, vec4(0.0)) + 1.0; }
        case 7u: { return 1.0 - exp(-min(s, vec4(80.0))); }
        case 8u: { return select(vec4(0.0), 2.0 / s, abs(s) > vec4(1e-15)); }
        default: { return vec4(1.0); }
    }
}
