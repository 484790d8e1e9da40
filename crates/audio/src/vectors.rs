//! Runs loops over samples with the widest vectors that the processor has.

use rten_simd::{Isa, SimdOp};

/// Does `work`, which is compiled once for each width of vectors, in the widest that this processor has.
///
/// `work` and what it calls must be `#[inline(always)]`, or they are compiled for the least of processors. Nothing is
/// fused or reordered: results are the same on every processor.
pub(crate) fn widest<R>(work: impl FnOnce() -> R) -> R {
    Work(work).dispatch()
}

struct Work<F>(F);

impl<R, F: FnOnce() -> R> SimdOp for Work<F> {
    type Output = R;

    #[inline(always)]
    fn eval<I: Isa>(self, _: I) -> R {
        (self.0)()
    }
}
