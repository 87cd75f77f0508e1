//! Updates the rows of a list.

use std::rc::Rc;

use slint::{Model, ModelRc, VecModel};

/// Difference of lengths from which on the model is replaced as a whole.
const MANY: usize = 64;

/// Changes only the rows that differ, so that scroll position and focus stay. Returns a
/// model if there was none to change.
pub(super) fn sync<T: Clone + PartialEq + 'static>(
    model: &ModelRc<T>,
    rows: Vec<T>,
) -> Option<ModelRc<T>> {
    let Some(known) = model.as_any().downcast_ref::<VecModel<T>>() else {
        return Some(ModelRc::from(Rc::new(VecModel::from(rows))));
    };
    let (old, new) = (known.row_count(), rows.len());
    if old.abs_diff(new) > MANY {
        known.set_vec(rows);
        return None;
    }
    // Rows are inserted or removed where the lists first differ: the others keep focus.
    let equal = known.iter().zip(&rows).take_while(|(old, new)| old == *new);
    let position = equal.count();
    for _ in new..old {
        known.remove(position);
    }
    let added = rows.iter().enumerate().skip(position);
    for (index, row) in added.take(new.saturating_sub(old)) {
        known.insert(index, row.clone());
    }
    for (index, row) in rows.into_iter().enumerate() {
        if known.row_data(index).as_ref() != Some(&row) {
            known.set_row_data(index, row);
        }
    }
    None
}

/// Updates the rows of a list property.
macro_rules! sync_rows {
    ($adapter:expr, $get:ident, $set:ident, $rows:expr) => {
        if let Some(model) = $crate::gui::views::list_model::sync(&$adapter.$get(), $rows) {
            $adapter.$set(model);
        }
    };
}

pub(super) use sync_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_changes_only_rows_that_differ() {
        let empty: ModelRc<i32> = ModelRc::default();
        let model = sync(&empty, vec![1, 2, 3]).expect("a new model");
        for rows in [vec![1, 3], vec![0, 1, 3], vec![], vec![5, 6]] {
            assert!(sync(&model, rows.clone()).is_none(), "the model stays");
            assert_eq!(model.iter().collect::<Vec<_>>(), rows);
        }
    }
}
