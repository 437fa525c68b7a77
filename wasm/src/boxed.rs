//! Memory that may not be there. `Vec` can answer that, too, but brings 1 KB of code that grows it.
#![allow(unsafe_code)] // memory that was just allocated, of zeros, and rows of a bounded length; nothing else

use alloc::alloc::alloc_zeroed;
use alloc::boxed::Box;
use core::alloc::Layout;
use core::hint::assert_unchecked;
use core::mem::ManuallyDrop;

use statusbus_core::{Config, Item, Slot};

use crate::stored::StoredUpdate;

/// A type of which all zero bits are a value.
///
/// # Safety
/// Implement it only for types of which all zero bytes are a valid value.
pub(crate) unsafe trait Zeroed {}

// SAFETY: zero is a number.
unsafe impl Zeroed for u32 {}
// SAFETY: a null pointer is `None`.
unsafe impl<T> Zeroed for Option<ManuallyDrop<Box<T>>> {}
// SAFETY: the core promises it for slots and items whose `Update::EMPTY` is all zeros.
unsafe impl Zeroed for Slot<StoredUpdate> {}
// SAFETY: the same.
unsafe impl Zeroed for Item<StoredUpdate> {}

/// `count` values of zero bits, at least one; `None` if there is not enough memory.
pub(crate) fn boxed_slice<T: Zeroed>(count: usize) -> Option<Box<[T]>> {
    const { assert!(size_of::<T>() > 0) };
    let layout = Layout::array::<T>(count).ok().filter(|layout| layout.size() > 0)?;
    // SAFETY: the layout has a size.
    let first = unsafe { alloc_zeroed(layout) }.cast::<T>();
    if first.is_null() {
        return None;
    }
    // SAFETY: it was allocated with the layout of this slice, and zeros are its values.
    Some(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(first, count)) })
}

/// One value, made in its memory; `None` if there is not enough. It asks for zeros, so that the module has one
/// function that allocates.
#[inline(always)]
pub(crate) fn boxed<T>(value: impl FnOnce() -> T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the layout has a size.
    let place = unsafe { alloc_zeroed(Layout::new::<T>()) }.cast::<T>();
    if place.is_null() {
        return None;
    }
    // SAFETY: the memory has room for the value, and was allocated with its layout.
    unsafe {
        place.write(value());
        Some(Box::from_raw(place))
    }
}

/// Slots of a bus or items of a batch: at most [`Config::MOST`], so that the core's own check, at each access,
/// is left out.
pub(crate) struct BoundedSlice<T>(Box<[T]>);

impl<T: Zeroed> BoundedSlice<T> {
    pub(crate) fn new(count: usize) -> Option<Self> {
        if count > Config::MOST {
            return None;
        }
        boxed_slice(count).map(Self)
    }
}

impl<T> Default for BoundedSlice<T> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<T> AsRef<[T]> for BoundedSlice<T> {
    #[inline(always)]
    fn as_ref(&self) -> &[T] {
        // SAFETY: `new` refuses more.
        unsafe { assert_unchecked(self.0.len() <= Config::MOST) };
        &self.0
    }
}

impl<T> AsMut<[T]> for BoundedSlice<T> {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [T] {
        // SAFETY: the same.
        unsafe { assert_unchecked(self.0.len() <= Config::MOST) };
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_zeros() {
        let slice: Box<[u32]> = boxed_slice(3).expect("memory");
        assert_eq!(*slice, [0; 3]);
        assert_eq!(*boxed(|| 7).expect("memory"), 7);
    }

    #[test]
    fn nothing_and_too_much_are_none() {
        assert!(boxed_slice::<u32>(0).is_none());
        assert!(boxed_slice::<u32>(usize::MAX / 8).is_none());
        assert!(BoundedSlice::<u32>::new(Config::MOST + 1).is_none());
    }
}
