//! Memory that a run may keep of what strangers wrote, counted in one place however many readers
//! there are.

use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that may still be kept.
#[derive(Debug)]
pub struct Budget(Mutex<usize>);

/// Bytes of a budget that are in use until this is dropped. A copy of what is charged is not
/// charged again.
#[derive(Debug, Default)]
pub struct Charge(Option<(Arc<Budget>, usize)>);

impl Budget {
    /// A budget of so many bytes.
    pub fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(bytes) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

impl Charge {
    /// Nothing of a budget yet.
    pub fn on(budget: &Arc<Budget>) -> Self {
        Self(Some((Arc::clone(budget), 0)))
    }

    /// Takes more of the budget; false where it has no more.
    #[must_use]
    pub fn add(&mut self, bytes: usize) -> bool {
        match &mut self.0 {
            None => true,
            Some((budget, taken)) => {
                let has_more = budget.take(bytes);
                *taken += if has_more { bytes } else { 0 };
                has_more
            }
        }
    }

    /// What is in use.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |(_, bytes)| *bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some((budget, bytes)) = &self.0 {
            *budget.0.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        }
    }
}

impl Clone for Charge {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Charge {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_may_be_kept_again() {
        let budget = Budget::of(100);
        let mut first = Charge::on(&budget);
        let mut second = Charge::on(&budget);
        assert!(first.add(60) && second.add(30));
        assert!(!second.add(20));
        assert_eq!((first.bytes(), second.bytes()), (60, 30));
        drop(first.clone());
        assert!(!second.add(20), "a copy gives nothing back");
        drop(first);
        assert!(second.add(70) && !second.add(1));
    }
}
