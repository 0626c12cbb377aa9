"""The paper's ablations at our scale: settings, the frozen trunk's cache, arms, tables; see
training/studies/ablation/__main__.py."""
