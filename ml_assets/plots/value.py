"""Pictures of customer value for cards and asset metadata, as PNG bytes.

Drawing belongs here; the numbers come ready-made.
"""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ml_assets.plots.png import BLUE, GREY, ORANGE, png_of, without_frame


def deciles_png(metrics: Mapping[str, float], methods: Sequence[str], chosen: str, what: str = "spend") -> bytes:
    """Mean expected and mean actual spend of the tenths of the customers, a panel per method, lowest expectation first.

    `metrics` are those of a customer value model's card; the panel of the `chosen` method is marked;
    `what` is counted.
    """
    figure = Figure(figsize=(10, 3.0), layout="constrained")
    axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axis, method in zip(axes, methods, strict=True):
        numbers = [number for number in range(1, 11) if f"{method}_decile{number}_expected" in metrics]
        for place, (kind, colour) in enumerate((("expected", BLUE), ("actual", ORANGE))):
            heights = [metrics[f"{method}_decile{number}_{kind}"] for number in numbers]
            axis.bar([number + 0.4 * place for number in numbers], heights, 0.4, color=colour, label=kind)
        weight = "bold" if method == chosen else "normal"
        axis.set_title(f"{method.replace('_', ' ')}, error {metrics[f'{method}_mae']:,.0f}", fontsize=10, weight=weight)
        axis.set_xlabel("tenth of the customers", color=GREY)
        axis.set_xticks([number + 0.2 for number in numbers], [str(number) for number in numbers])
        axis.tick_params(labelsize=8)
        without_frame(axis)
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.suptitle(f"Mean {what} in 90 days that no method had seen", fontweight="bold")
    return png_of(figure)
