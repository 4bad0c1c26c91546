"""Who shops in the made-up shop: the hidden truth against which segments are scored."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Persona:
    """A way to shop. `share` of the users in percent; `taste` weighs departments (the others weigh 1 each); `tiers`
    weighs price tiers, budget to luxury; `hours` weighs the local hours 0-23, a digit each; `visits` is how often
    someone comes, against the mean of 1; `looks` the mean of products looked at in a visit.

    Of each look: `search`, `favourite`, `cart` are probabilities, `buy` that of what lies in the cart, `again` that of
    looking at one's usual product of the kind. `discount` is the share of purchases with one, `pieces` the mean
    above 1.
    """

    name: str
    share: int
    taste: dict[str, int]
    tiers: tuple[int, int, int, int]
    hours: str
    visits: float
    looks: float
    search: float
    favourite: float
    cart: float
    buy: float
    again: float
    discount: float
    pieces: float
    weekend: float = 1.0  # visits on a Saturday or Sunday, against other days
    ages: tuple[int, ...] = field(default=(10, 25, 25, 20, 12, 8))  # weighs AGE_BANDS


AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")

PERSONAS = (
    Persona("bargain_hunter", 18, {"Household": 10, "Groceries": 8, "Fashion": 8, "Home": 5}, (64, 28, 7, 1),
            "100000124433343322346763", 1.2, 6.0, 0.30, 0.06, 0.20, 0.30, 0.10, 0.85, 0.8, 1.2),
    Persona("premium_shopper", 8, {"Beauty": 14, "Fashion": 10, "Electronics": 8, "Home": 6}, (2, 13, 35, 50),
            "100000012223455433345642", 0.8, 3.2, 0.25, 0.10, 0.26, 0.65, 0.15, 0.08, 0.1, 1.1),
    Persona("young_parent", 15, {"Baby & Toys": 26, "Groceries": 8, "Household": 6}, (18, 46, 29, 7),
            "310001346532265322245886", 1.1, 4.2, 0.35, 0.05, 0.24, 0.60, 0.35, 0.35, 0.6, 0.9, (4, 52, 36, 6, 1, 1)),
    Persona("tech_enthusiast", 11, {"Electronics": 30, "Appliances": 8, "Books & Hobbies": 5}, (8, 30, 38, 24),
            "653210011222333333345789", 0.9, 6.4, 0.60, 0.08, 0.10, 0.35, 0.10, 0.25, 0.1, 1.3, (28, 38, 20, 9, 3, 2)),
    Persona("fashion_lover", 16, {"Fashion": 28, "Beauty": 14}, (22, 42, 26, 10),
            "310000012223554322346896", 1.1, 6.6, 0.20, 0.22, 0.18, 0.35, 0.08, 0.45, 0.1, 1.3, (30, 38, 18, 9, 3, 2)),
    Persona("grocery_regular", 14, {"Groceries": 32, "Household": 12}, (30, 50, 17, 3),
            "000002589864333344332111", 1.0, 5.2, 0.25, 0.03, 0.42, 0.80, 0.55, 0.40, 1.2, 0.8, (3, 12, 22, 25, 22, 9)),
    Persona("window_shopper", 11, {}, (25, 30, 25, 20),
            "432100011223576322346776", 1.0, 5.0, 0.15, 0.12, 0.03, 0.15, 0.05, 0.20, 0.0, 1.0),
    Persona("outdoor_sports", 7, {"Sports": 34, "Fashion": 4}, (10, 35, 38, 17),
            "000014565432333334555431", 0.8, 4.6, 0.40, 0.08, 0.17, 0.55, 0.12, 0.30, 0.3, 2.2, (15, 30, 28, 16, 8, 3)),
)  # fmt: skip
