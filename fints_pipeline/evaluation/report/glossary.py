"""What every number of the report means, in a sentence."""

from __future__ import annotations

GLOSSARY: dict[str, str] = {
    "Net, gross, costs ×2": "The same decisions with the configured costs, without any, and with "
    "twice as much.",
    "Test span": "Sessions that no model of their fold was trained, stopped or tuned on. The spans "
    "follow each other, so the equity is out of sample from end to end.",
    "Session": "One exchange trading day. Returns are taken from session end to session end, and "
    "every yearly figure is scaled from them.",
    "Sharpe": "Mean session return over its standard deviation, per year. The 95 % interval comes "
    "from a stationary block bootstrap.",
    "Sharpe (Lo)": "The same, corrected for autocorrelation of the returns (Lo 2002).",
    "Sortino": "Mean over downside deviation, per year.",
    "Calmar": "Annual return over the largest drawdown.",
    "Drawdown": "Loss from the highest equity so far; its length counts sessions below it.",
    "Probabilistic Sharpe": "Probability that the true Sharpe ratio is above zero, given length, "
    "skewness and kurtosis of the returns.",
    "Deflated Sharpe": "Probability that it is above what the best of all recorded trials would "
    "show by luck alone. Above 95 % is needed.",
    "Trial": "One config and model tried on one test span. Every run is written to an append-only "
    "ledger; running the same again adds none.",
    "Shift null": "The same signal moved around the test span by a random time, costs included. It "
    "keeps the pattern and loses the timing. p is the share of shifts that do as well.",
    "Turnover": "Value traded over mean equity, per year; a full round trip counts 2.",
    "Hit rate": "Share of closed round trips that earned money after costs.",
    "Profit factor": "Money won over money lost, by closed round trips after costs.",
    "Exposure": "Mean absolute position over equity.",
    "Cost share": "Costs over the profit before costs; a dash when there was no profit.",
    "Edge": "What the signal is made from: the probability of a rise less that of a fall, or the "
    "expected return over its deviation on the validation span.",
    "Threshold": "Smallest edge that gives a position; a quantile is taken on the fold's "
    "validation span, never on its test span.",
    "Accuracy and base rate": "Share of bars whose direction was right; what always saying the "
    "commoner direction would have scored.",
    "IC, rank IC": "Pearson's and Spearman's correlation of edge and realised return.",
    "ICIR": "Mean over standard deviation of each session's own rank IC.",
    "Pinball, CRPS": "Losses of forecast quantiles against what came; the CRPS of a sure forecast "
    "is its absolute error.",
    "Brier": "Mean squared error of the probability of a rise; base is what its frequency scores.",
    "ECE": "Expected calibration error: mean gap between the probability of a rise that was said "
    "and how often it rose, over bins of equal width.",
    "Overfitting": "How often the best trial in one half of the sessions is below the median of "
    "all trials in the other half (combinatorially symmetric cross-validation).",
    "PIT histogram": "Share of returns between neighbouring forecast quantiles over the share that "
    "the levels promise: flat at 1 when calibrated, high at both ends when too narrow.",
    "Purged, embargoed": "Purged: bars of a span that are not learned from, since their input or "
    "label reaches into one that has to stay unseen. Embargoed: sessions that no span may use.",
    "Capacity": "What the same targets earn with more capital, when larger orders move the price.",
    "RMSE ratio": "Error of the expected return over that of expecting nothing; below 1 is better.",
}
