"""Queries put together without writing SQL."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, assert_accessible

BUILT = """\
SELECT
  customers.region,
  strftime('%Y', orders.created_at) AS year,
  count(*) AS rows,
  sum(orders.total) AS sum_total
FROM orders
JOIN customers ON orders.customer_id = customers.id
WHERE orders.status = 'paid'
  AND customers.name LIKE '%\\_1%' ESCAPE '\\'
GROUP BY customers.region, strftime('%Y', orders.created_at)
HAVING count(*) > 3
ORDER BY sum_total DESC
LIMIT 2;"""


def choose(page: Page, choices: dict[str, str]) -> None:
    """Choose in selects and fill in inputs, by their labels."""
    for label, choice in choices.items():
        field = page.get_by_role("dialog").get_by_label(label, exact=True)
        if field.evaluate("el => el.tagName") == "SELECT":
            field.select_option(choice)
        else:
            field.fill(choice)


def test_a_query_is_built_along_a_reference_and_runs(open_page: Open) -> None:
    page = open_page("/data/orders")
    page.get_by_role("link", name="Query").click()
    dialog, sql = page.get_by_role("dialog", name="Build a query"), page.get_by_label("The query in SQL")
    expect(sql).to_have_text("SELECT *\nFROM orders\nLIMIT 100;")
    dialog.get_by_role("button", name="Join a table").press("Enter")
    expect(page.get_by_role("menuitem")).to_have_text(["products, by orders.product_id", "customers, by orders.customer_id"])
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Join a table").press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Rows without customers")).to_be_focused()
    dialog.get_by_role("checkbox", name="region").press("Space")
    dialog.get_by_role("checkbox", name="created_at").press("Space")
    choose(page, {"Part of created_at": "its year"})
    for _ in range(2):
        dialog.get_by_role("button", name="Add a summary").click()
        dialog.get_by_role("button", name="Add a condition").click()
    dialog.get_by_role("button", name="Add a condition").click()
    choose(page, {"Kind of summary 2": "sum of", "Column of summary 2": "total"})
    choose(page, {"What condition 1 is about": "status", "Value of condition 1": "paid"})
    choose(page, {"What condition 2 is about": "name", "Kind of condition 2": "contains", "Value of condition 2": "_1"})
    choose(page, {"What condition 3 is about": "rows", "Kind of condition 3": "is more than", "Value of condition 3": "3"})
    dialog.get_by_role("button", name="Add an order").click()
    choose(page, {"Order 1": "sum_total", "Direction of order 1": "descending", "At most": "2"})
    expect(sql).to_have_text(BUILT)
    assert_accessible(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")  # the button for that is behind the dialog
    assert_accessible(page, ["color-contrast"])
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator(".builder").evaluate("el => el.scrollWidth - el.clientWidth") == 0
    page.set_viewport_size({"width": 1440, "height": 900})

    page.keyboard.press("Escape")  # asks nothing, for the dialog remembers
    page.get_by_role("button", name="Build", exact=True).click()
    expect(sql).to_have_text(BUILT)
    dialog.get_by_role("button", name="Remove condition 2").click()
    choose(page, {"Kind of condition 1": "is one of", "Value of condition 1": "paid, refunded"})
    page.keyboard.press("Enter")

    expect(page.locator("#grid tbody tr")).to_have_count(2)
    expect(page.locator("#grid thead")).to_contain_text("sum_total")
    page.get_by_role("button", name="Build", exact=True).click()
    dialog.get_by_role("button", name="Remove customers").click()
    expect(sql).to_have_text(
        "SELECT\n  strftime('%Y', created_at) AS year,\n  count(*) AS rows,\n  sum(total) AS sum_total\nFROM orders\n"
        "WHERE status IN ('paid', 'refunded')\nGROUP BY strftime('%Y', created_at)\nHAVING count(*) > 3\nORDER BY sum_total DESC\nLIMIT 2;"
    )
