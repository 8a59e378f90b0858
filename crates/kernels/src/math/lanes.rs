//! Four f32 values in one SIMD register. Written by hand, because the compiler does not vectorise
//! in the page's wasm module, which is optimised for size at link time.

use std::array;
use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_feature = "simd128")]
use wasm as register;
#[cfg(target_arch = "x86_64")]
use x86_64 as register;

/// Number of values in a register.
pub const LANES: usize = 4;

/// [`LANES`] f32 values; every operation is elementwise.
#[derive(Clone, Copy)]
pub struct Lanes(register::Register);

impl Lanes {
    /// The same value in all lanes.
    #[inline(always)]
    pub fn splat(value: f32) -> Self {
        Self(register::splat(value))
    }

    /// The first [`LANES`] of `values`, padded with zeros if there are fewer.
    #[inline(always)]
    pub fn load(values: &[f32]) -> Self {
        Self(register::load(&match values.first_chunk() {
            Some(values) => *values,
            None => array::from_fn(|i| values.get(i).copied().unwrap_or(0.0)),
        }))
    }

    /// Overwrites the first [`LANES`] values of `out`, or all if there are fewer.
    #[inline(always)]
    pub fn store(self, out: &mut [f32]) {
        let values = register::store(self.0);
        match out.first_chunk_mut() {
            Some(out) => *out = values,
            None => out.copy_from_slice(&values[..out.len()]),
        }
    }

    /// The elementwise minimum; NaN where `self` is NaN.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(register::min(self.0, other.0))
    }

    /// The elementwise maximum; NaN where `self` is NaN.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(register::max(self.0, other.0))
    }

    /// The elementwise square root.
    #[cfg(feature = "gradients")]
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(register::sqrt(self.0))
    }

    /// `self` + a · b. The sum of a wasm module with the feature `relaxed` is rounded once where the processor can do
    /// that, otherwise the product is rounded too.
    #[inline(always)]
    pub fn add_product(self, a: Self, b: Self) -> Self {
        #[cfg(all(feature = "relaxed", target_family = "wasm"))]
        return Self(std::arch::wasm32::f32x4_relaxed_madd(a.0, b.0, self.0));
        #[cfg(not(all(feature = "relaxed", target_family = "wasm")))]
        return self + a * b;
    }

    /// 2ⁿ for lanes n + 1.5 · 2²³, which have the integer −127 < n < 128 in the lowest bits.
    #[inline(always)]
    pub fn power_of_two(self) -> Self {
        Self(register::power_of_two(self.0))
    }
}

/// Adds `values` to `sums` elementwise.
pub fn add_to(sums: &mut [f32], values: &[f32]) {
    for (sums, values) in sums.chunks_mut(LANES).zip(values.chunks(LANES)) {
        (Lanes::load(sums) + Lanes::load(values)).store(sums);
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(register::add(self.0, other.0))
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(register::sub(self.0, other.0))
    }
}

impl Mul for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(register::mul(self.0, other.0))
    }
}

impl Div for Lanes {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(register::div(self.0, other.0))
    }
}

#[cfg(target_feature = "simd128")]
mod wasm {
    #[cfg(feature = "gradients")]
    pub use std::arch::wasm32::f32x4_sqrt as sqrt;
    pub use std::arch::wasm32::{
        f32x4_add as add, f32x4_div as div, f32x4_mul as mul, f32x4_splat as splat,
        f32x4_sub as sub, v128 as Register,
    };
    use std::arch::wasm32::{
        f32x4_pmax, f32x4_pmin, i32x4_add, i32x4_shl, i32x4_splat, v128_load, v128_store,
    };

    #[inline(always)]
    pub fn load(values: &[f32; 4]) -> Register {
        // SAFETY: an array of four f32 is 16 readable bytes; any alignment is allowed.
        unsafe { v128_load(values.as_ptr().cast()) }
    }

    #[inline(always)]
    pub fn store(register: Register) -> [f32; 4] {
        let mut values = [0.0; 4];
        // SAFETY: an array of four f32 is 16 writable bytes; any alignment is allowed.
        unsafe { v128_store(values.as_mut_ptr().cast(), register) };
        values
    }

    #[inline(always)]
    pub fn min(a: Register, b: Register) -> Register {
        f32x4_pmin(a, b)
    }

    #[inline(always)]
    pub fn max(a: Register, b: Register) -> Register {
        f32x4_pmax(a, b)
    }

    #[inline(always)]
    pub fn power_of_two(shifted: Register) -> Register {
        i32x4_add(
            i32x4_shl(shifted, 23),
            i32x4_splat(1.0_f32.to_bits() as i32),
        )
    }
}

/// SSE2, which every processor of this architecture has.
#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::{
        __m128, _mm_add_epi32, _mm_add_ps, _mm_castps_si128, _mm_castsi128_ps, _mm_div_ps,
        _mm_loadu_ps, _mm_max_ps, _mm_min_ps, _mm_mul_ps, _mm_set1_epi32, _mm_set1_ps,
        _mm_slli_epi32, _mm_storeu_ps, _mm_sub_ps,
    };

    pub type Register = __m128;

    #[inline(always)]
    pub fn splat(value: f32) -> Register {
        // SAFETY: the architecture has SSE2, here and below.
        unsafe { _mm_set1_ps(value) }
    }

    #[inline(always)]
    pub fn load(values: &[f32; 4]) -> Register {
        // SAFETY: four f32 are 16 readable bytes; any alignment is allowed.
        unsafe { _mm_loadu_ps(values.as_ptr()) }
    }

    #[inline(always)]
    pub fn store(register: Register) -> [f32; 4] {
        let mut values = [0.0; 4];
        // SAFETY: four f32 are 16 writable bytes; any alignment is allowed.
        unsafe { _mm_storeu_ps(values.as_mut_ptr(), register) };
        values
    }

    #[inline(always)]
    pub fn add(a: Register, b: Register) -> Register {
        unsafe { _mm_add_ps(a, b) }
    }

    #[inline(always)]
    pub fn sub(a: Register, b: Register) -> Register {
        unsafe { _mm_sub_ps(a, b) }
    }

    #[inline(always)]
    pub fn mul(a: Register, b: Register) -> Register {
        unsafe { _mm_mul_ps(a, b) }
    }

    #[inline(always)]
    pub fn div(a: Register, b: Register) -> Register {
        unsafe { _mm_div_ps(a, b) }
    }

    /// The instruction gives its second operand where one is NaN.
    #[inline(always)]
    pub fn min(a: Register, b: Register) -> Register {
        unsafe { _mm_min_ps(b, a) }
    }

    #[inline(always)]
    pub fn max(a: Register, b: Register) -> Register {
        unsafe { _mm_max_ps(b, a) }
    }

    #[cfg(feature = "gradients")]
    #[inline(always)]
    pub fn sqrt(a: Register) -> Register {
        unsafe { std::arch::x86_64::_mm_sqrt_ps(a) }
    }

    #[inline(always)]
    pub fn power_of_two(shifted: Register) -> Register {
        let one = 1.0_f32.to_bits() as i32;
        unsafe {
            let exponent = _mm_slli_epi32(_mm_castps_si128(shifted), 23);
            _mm_castsi128_ps(_mm_add_epi32(exponent, _mm_set1_epi32(one)))
        }
    }
}

#[cfg(not(any(target_feature = "simd128", target_arch = "x86_64")))]
mod register {
    pub type Register = [f32; 4];

    /// Written out, because not every compiler inlines a closure per lane.
    #[inline(always)]
    fn zip([a0, a1, a2, a3]: Register, b: Register, f: impl Fn(f32, f32) -> f32) -> Register {
        [f(a0, b[0]), f(a1, b[1]), f(a2, b[2]), f(a3, b[3])]
    }

    #[inline(always)]
    pub fn splat(value: f32) -> Register {
        [value; 4]
    }

    #[inline(always)]
    pub fn load(values: &[f32; 4]) -> Register {
        *values
    }

    #[inline(always)]
    pub fn store(register: Register) -> [f32; 4] {
        register
    }

    #[inline(always)]
    pub fn add(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    pub fn sub(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    pub fn mul(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    pub fn div(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    pub fn min(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| if b < a { b } else { a })
    }

    #[inline(always)]
    pub fn max(a: Register, b: Register) -> Register {
        zip(a, b, |a, b| if a < b { b } else { a })
    }

    #[cfg(feature = "gradients")]
    #[inline(always)]
    pub fn sqrt([a, b, c, d]: Register) -> Register {
        [a.sqrt(), b.sqrt(), c.sqrt(), d.sqrt()]
    }

    #[inline(always)]
    pub fn power_of_two(shifted: Register) -> Register {
        let one = 1.0_f32.to_bits();
        zip(shifted, shifted, |v, _| {
            f32::from_bits((v.to_bits() << 23).wrapping_add(one))
        })
    }
}
