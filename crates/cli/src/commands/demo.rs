//! `mainstay demo`: a whole agent at work on a made-up shop, without a key and without a network.

mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{StreamExt, stream};
use mainstay::{ApprovalFilter, Mainstay, Principal};
use mainstay_shop::data;
use mainstay_shop::files::{self, ExtraModel, ModelKind, ModelPrice};
use mainstay_shop::requests::requests;
use mainstay_shop::service::{DATABASE, Shop, ShopOptions};
use tokio::time::Instant;

use crate::arguments::DemoOptions;
use crate::commands::serve;
use crate::output;
use report::{Asked, Report};

/// The file that marks a folder as a demo's, so that no other is ever written to.
const MARKER: &str = ".mainstay-demo";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn demo(options: DemoOptions) -> anyhow::Result<ExitCode> {
    if options.shop {
        return only_shop(&options.folder).await;
    }
    let extra = extra_model(&options);
    prepare(&options.folder)?;
    output::note(&format!("making a shop in `{}`", options.folder.display()));
    let shop_data = data::generate(options.seed, &options.folder.join(DATABASE)).await?;
    let shop = Shop::start(&options.folder, ShopOptions::default()).await?;
    files::write_agent(&options.folder, &shop.base_url, shop.token(), extra.as_ref())?;
    if let Some(phoenix) = &options.phoenix {
        files::add_phoenix(&options.folder, phoenix)?;
    }
    output::note(&format!(
        "{} customers, {} products, {} orders; the shop listens at {}; what playbooks do not cover goes to {}",
        shop_data.customers.len(),
        shop_data.products.len(),
        shop_data.orders.len(),
        shop.base_url,
        extra.as_ref().map_or("people", |extra| extra.model.as_str()),
    ));

    let mainstay = Mainstay::open(&options.folder).await?;
    let report = ask_all(&mainstay, &options).await?;
    report.print();
    if let Some(run) = report.worth_showing() {
        output::line("\nOne run, step by step:");
        if let Some(record) = mainstay.run(run).await? {
            output::line(&format!("  “{}”", output::short(&record.input, 110)));
        }
        output::print_trace(&mainstay.trace(run).await?);
    }
    let effects = shop.effects().await?.len();
    let confirmed = mainstay.effects(None, u32::MAX).await?;
    let confirmed = confirmed.iter().filter(|effect| effect.state.as_str() == "confirmed").count();
    output::line(&format!("\nThe shop's own ledger has {effects} effects, Mainstay's has {confirmed} confirmed."));
    if options.serve {
        serve::serve_open(mainstay, None).await?;
        shop.stop().await;
        return Ok(ExitCode::SUCCESS);
    }
    print_waiting(&mainstay, &options.folder).await?;
    mainstay.close(PATIENCE).await;
    shop.stop().await;
    Ok(if report.count("failed") + report.count("open") == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

async fn ask_all(mainstay: &Mainstay, options: &DemoOptions) -> anyhow::Result<Report> {
    let stream_of_requests = requests(options.seed, options.requests);
    let bar = output::progress(stream_of_requests.len(), "requests");
    let started = Instant::now();
    let asked = stream::iter(stream_of_requests).map(|request| async move {
        let started = Instant::now();
        let customer = Principal::new(&request.principal);
        let reply = mainstay.ask("returns", &customer, &request.text).await;
        reply.map(|reply| Asked { kind: request.kind, reply, took: started.elapsed() })
    });
    let mut asked = asked.buffer_unordered(options.at_once.into());
    let mut all = Vec::with_capacity(options.requests);
    while let Some(one) = asked.next().await {
        all.push(one?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Report::new(all, started.elapsed()))
}

async fn print_waiting(mainstay: &Mainstay, folder: &Path) -> anyhow::Result<()> {
    let pending = |limit| ApprovalFilter { only_pending: true, limit, ..ApprovalFilter::default() };
    let waiting = mainstay.approvals(&pending(5)).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let all = mainstay.approvals(&pending(u32::MAX)).await?.len();
    output::line(&format!("\nWaiting for a person ({} of {all}):", waiting.len()));
    for approval in &waiting {
        output::print_waiting(approval, folder);
    }
    output::line(&format!(
        "\nThe shop has closed; open it again in another terminal before you approve:\n  mainstay demo {0} --shop\n\
         Look around:\n  mainstay -C {0} runs list\n  mainstay -C {0} check\n  \
         mainstay -C {0} run returns \"Can I return a swimsuit?\" --as c-1001 --trace",
        folder.display()
    ));
    Ok(())
}

async fn only_shop(folder: &Path) -> anyhow::Result<ExitCode> {
    if !folder.join(MARKER).is_file() {
        bail!("`{}` holds no demo; run `mainstay demo` first", folder.display());
    }
    let shop = Shop::start(folder, files::shop_options(folder)?).await?;
    output::note(&format!("the shop listens at {}; Ctrl-C closes it", shop.base_url));
    output::until_interrupted().await;
    shop.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The model behind the embedded one, if there is any.
fn extra_model(options: &DemoOptions) -> Option<ExtraModel> {
    if options.offline {
        return None;
    }
    let model = |name: &str| options.model.clone().unwrap_or_else(|| name.to_owned());
    if options.model_url.is_some() {
        let base_url = options.model_url.clone();
        return Some(ExtraModel {
            kind: ModelKind::Compatible,
            base_url,
            model: model("default"),
            price: price(&options.model_price),
            alone: options.model_only,
        });
    }
    let vendor = |kind, name: &str| {
        Some(ExtraModel { kind, base_url: None, model: model(name), price: None, alone: options.model_only })
    };
    match (&options.openai_api_key, &options.anthropic_api_key) {
        (Some(_), _) => vendor(ModelKind::OpenAi, "gpt-5-mini"),
        (None, Some(_)) => vendor(ModelKind::Anthropic, "claude-haiku-4-5"),
        (None, None) => None,
    }
}

fn price(of: &[String]) -> Option<ModelPrice> {
    let [input, output] = of else { return None };
    Some(ModelPrice { input: input.clone(), cached_input: input.clone(), output: output.clone() })
}

/// Makes the folder, or empties an earlier demo's of what the demo writes.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    let marker = folder.join(MARKER);
    let is_empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !marker.is_file() {
        bail!("`{}` is not empty and no earlier demo's; name another folder: `mainstay demo FOLDER`", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for name in
        ["shop.db", "mainstay.db"].iter().flat_map(|name| ["", "-wal", "-shm"].map(|end| format!("{name}{end}")))
    {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    std::fs::write(&marker, "Made by `mainstay demo`, which may overwrite everything here.\n")
        .with_context(|| format!("cannot write to `{}`", folder.display()))
}
