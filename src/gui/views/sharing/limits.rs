//! Form for rate limits and storage.

use std::cell::RefCell;
use std::rc::Rc;

use engine::units::{ByteRate, ByteSize};
use slint::{ComponentHandle, SharedString};
use tr::tr;

use crate::config::Config;
use crate::gui::context::{Change, Handles, UiContext, spawn};
use crate::gui::settings_file::Change as SettingsChange;
use crate::gui::text::format;
use crate::gui::text::reasons::{edit_error, unit_error};
use crate::gui::ui::{AppWindow, SharingAdapter};
use crate::scheduler::SetDownloadLimit;
use crate::store::SetQuota;
use crate::swarm::SetLimits;

/// Smallest cache that can hold what plays, as in the configuration.
const MIN_QUOTA: ByteSize = ByteSize::mib(16);

/// Renders the limits of the configuration.
pub(super) fn render_config(app: &AppWindow, config: &Config) {
    let adapter = app.global::<SharingAdapter>();
    adapter.set_upload_limit(format::rate_limit(config.limits.upload).into());
    adapter.set_download_limit(format::rate_limit(config.limits.download).into());
    adapter.set_quota(format::size(config.store.quota.0).into());
    adapter.set_upload_per_day(config.limits.upload_per_day.to_string().into());
}

/// Text of the fields.
struct Form {
    upload: SharedString,
    download: SharedString,
    per_day: SharedString,
    quota: SharedString,
}

impl Form {
    /// Limits of the form, or an error for the user.
    fn parse(&self) -> Result<(SetLimits, ByteSize), String> {
        let rate = |text: &str| text.parse::<ByteRate>().map_err(|error| unit_error(&error));
        let per_day = self.per_day.parse().map_err(|error| unit_error(&error))?;
        let limits = SetLimits {
            upload: rate(&self.upload)?,
            download: rate(&self.download)?,
            upload_per_day: Some(per_day),
        };
        let quota: ByteSize = self.quota.parse().map_err(|error| unit_error(&error))?;
        match quota < MIN_QUOTA {
            true => Err(tr!("The storage limit must be at least {}", MIN_QUOTA)),
            false => Ok((limits, quota)),
        }
    }
}

/// Connects the form: limits apply at once and are saved.
pub(super) fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<SharingAdapter>();
    // These fields show rounded values: an unchanged text must not replace the exact one.
    let shown_quota = RefCell::new(adapter.get_quota());
    let shown_per_day = RefCell::new(adapter.get_upload_per_day());
    let (ui, handles) = (ui.clone(), handles.clone());
    adapter.on_set_limits(move |upload, download, per_day, quota| {
        let form = Form {
            upload,
            download,
            per_day,
            quota,
        };
        match form.parse() {
            Ok((mut limits, quota)) => {
                let per_day_typed = shown_per_day.replace(form.per_day.clone()) != form.per_day;
                let quota_typed = shown_quota.replace(form.quota.clone()) != form.quota;
                limits.upload_per_day = limits.upload_per_day.filter(|_| per_day_typed);
                let quota = Some(quota).filter(|_| quota_typed);
                apply(&ui, &handles, &form, limits, quota);
            }
            Err(error) => {
                ui.update(Change::Sharing, |models| {
                    models.sharing.limits_error = error
                });
            }
        }
    });
}

/// Applies limits; the daily one and the quota only if they were typed.
fn apply(
    ui: &Rc<UiContext>,
    handles: &Handles,
    form: &Form,
    limits: SetLimits,
    quota: Option<ByteSize>,
) {
    let mut changes: Vec<SettingsChange> = vec![
        ("limits", "upload", format::rate_limit(limits.upload).into()),
        (
            "limits",
            "download",
            format::rate_limit(limits.download).into(),
        ),
    ];
    if limits.upload_per_day.is_some() {
        let per_day = form.per_day.trim();
        changes.push(("limits", "upload_per_day", per_day.into()));
    }
    let streams = &handles.actors.streams;
    streams.do_send(SetDownloadLimit(limits.download.0));
    handles.actors.swarm.do_send(limits);
    if let Some(quota) = quota {
        handles.actors.store.do_send(SetQuota(quota.0));
        changes.push(("store", "quota", form.quota.as_str().into()));
    }
    let (saved, ui) = (handles.settings_file.save(changes), ui.clone());
    spawn(async move {
        let error = match saved.await {
            Ok(()) => {
                ui.toast(tr!("Limits applied"));
                String::new()
            }
            Err(error) => tr!("Applied but not saved: {}", edit_error(&error)),
        };
        ui.update(Change::Sharing, |models| {
            models.sharing.limits_error = error
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::units::TransferCap;

    fn parse(fields: [&str; 4]) -> Result<(SetLimits, ByteSize), String> {
        let [upload, download, per_day, quota] = fields.map(SharedString::from);
        let form = Form {
            upload,
            download,
            per_day,
            quota,
        };
        form.parse()
    }

    #[test]
    fn form_accepts_the_texts_it_shows() {
        let parsed = parse(["4 Mbit/s", "unlimited", "10 GiB", "20 GiB"]);
        let (limits, quota) = parsed.expect("valid");
        assert_eq!((limits.upload.0, limits.download.0), (Some(500_000), None));
        assert_eq!(quota, ByteSize::gib(20));
        assert_eq!(limits.upload_per_day, Some(TransferCap(Some(10 << 30))));
        assert_eq!(format::rate_limit(limits.upload), "4 Mbit/s");
    }

    #[test]
    fn form_explains_invalid_values() {
        let error = parse(["much", "unlimited", "unlimited", "20 GiB"]).expect_err("no rate");
        assert!(error.contains("Mbit/s"), "{error}");
        let small = parse(["unlimited", "unlimited", "unlimited", "3 MB"]);
        let error = small.expect_err("too small");
        assert!(error.contains("16"), "{error}");
    }
}
