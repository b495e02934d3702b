"""Words that carry good or bad tidings about a company or its price.

Written for this project: single words, lower case, that traders and the financial press use with
one leaning. Words that lean by context (``high``, ``volume``, ``call``, ``target``) are left out,
and so is slang with two readings. Inflections are listed, not derived. A word in neither set counts
nothing.
"""

from __future__ import annotations

_POSITIVE_WORDS = """
accelerate accelerated accelerates accelerating accretive achieve achieved achievement advance
advanced advances advancing approval approve approved approves attractive beat beaten beating
beats benefit benefited benefits best better blockbuster boom booming boost boosted boosting
boosts breakout breakthrough bull bullish bulls buy buying buys cheap cheer cheered cheers climb
climbed climbing climbs comeback confident delight delighted delights dominate dominates
efficient exceed exceeded exceeding exceeds excellent excited exciting expand expanded expanding
expansion extraordinary fantastic favorable favourable gain gained gainer gainers gaining gains
good great grew grow growing grows growth healthy hot impressive improve improved improvement
improves improving increase increased increases increasing innovation innovative jump jumped
jumping jumps leader leading leap leaps long love loves milestone momentum nice opportunities
opportunity optimism optimistic outperform outperformed outperforming outperforms outstanding
popular positive profit profitable profits promising prosper rallied rallies rally rallying
rebound rebounded rebounding rebounds record recover recovered recovering recovers recovery
resilient reward rewarded rewarding rise risen rises rising robust rocket rockets rose skyrocket
skyrockets soar soared soaring soars solid spike spiked spikes strength strengthen strengthened
strengthens strong stronger strongest succeed succeeded succeeds success successful superb
superior support supported surge surged surges surging surpass surpassed surpasses thrive
thrives thriving top topped tops triumph undervalued upbeat upgrade upgraded upgrades upside
uptrend upward win winner winners winning wins won wonderful
"""

_NEGATIVE_WORDS = """
abandon abandoned accuse accused accuses allegation allegations alleged antitrust bad bankrupt
bankruptcy bear bearish bears breach breached breakdown bubble collapse collapsed collapses
collapsing complaint complaints concern concerned concerning concerns correction crash crashed
crashes crashing crisis cut cuts cutting damage damaged damages danger dangerous decline
declined declines declining decrease decreased decreases default defaulted defaults deficit
delay delayed delays deteriorate deteriorated deteriorates disappoint disappointed disappointing
disappointment disappoints disaster dismal dispute distress doubt doubts downgrade downgraded
downgrades downside downtrend downturn downward drag dragged drop dropped dropping drops dump
dumped dumping fail failed failing fails failure failures fall fallen falling falls fear fears
fell fine fined fines flop fraud glitch halt halted hurt hurting hurts illegal investigate
investigated investigation investigations lawsuit lawsuits layoff layoffs lose loser losers
loses losing loss losses lost miss missed misses missing negative overvalued panic penalty
plummet plummeted plummeting plummets plunge plunged plunges plunging poor probe problem
problems recall recalled recalls recession reject rejected rejects resign resigned resigns risk
risks risky scam scandal sell selling selloff sells short shorting shorts shrink shrinking
shrinks slash slashed slashes slid slide slides sliding slow slowdown slowed slower slowing
slows slump slumped slumping slumps sue sued sues suffer suffered suffering suffers suing tank
tanked tanking tanks terrible threat threaten threatened threatens threats trouble troubled
troubles tumble tumbled tumbles tumbling uncertain uncertainty underperform underperformed
underperforming underperforms unfavorable unprofitable violate violated violates violation
violations vulnerable warn warned warning warnings warns weak weaken weakened weakening weakens
weaker weakness woes worried worries worry worrying worse worst worthless wrong
"""

_NEGATIONS_WORDS = """
ain't aren't can't cannot couldn't didn't doesn't don't hadn't hardly hasn't haven't isn't
neither never no none nor not shouldn't wasn't weren't without won't wouldn't
"""

POSITIVE = frozenset(_POSITIVE_WORDS.split())
NEGATIVE = frozenset(_NEGATIVE_WORDS.split())
NEGATIONS = frozenset(_NEGATIONS_WORDS.split())
"""Words that turn the leaning of a word within the next `sentiment.REACH` words."""
