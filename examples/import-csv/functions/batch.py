"""Checks a batch of rows and takes over the good ones.

A row is known by its sku, so a batch that is delivered twice writes the same products twice, and nothing more.
"""

import json
import os
import re
import uuid
from decimal import Decimal, InvalidOperation
from pathlib import Path

BAD_ROWS_MAX = 50
"""A batch with more of them is not a price list with mistakes, but something else."""

_SKU = re.compile(r"[A-Z]{3}-\d{5}")


class TooManyBadRows(Exception):
    """Fails the batch as a whole: nothing of it is taken over."""


def handler(event, context):
    products, bad = [], []
    for row in event["Items"]:
        problem = problem_of(row)
        if problem:
            bad.append({"sku": row["sku"], "problem": problem})
        else:
            product = {"sku": row["sku"], "name": row["name"], "price": row["price"], "stock": int(row["stock"])}
            products.append(product | {"supplier": event["BatchInput"]["supplier"]})
    if len(bad) > BAD_ROWS_MAX:
        raise TooManyBadRows(f"{len(bad)} of {len(event['Items'])} rows, the first: {bad[0]}")
    (write_table if os.environ.get("TABLE") else write_folder)(products)
    return {"imported": len(products), "bad": bad}


def problem_of(row):
    """What is wrong with a row, or None."""
    if not _SKU.fullmatch(row["sku"]):
        return "the sku is not three letters and five digits"
    try:
        if Decimal(row["price"]) <= 0:
            return "the price is not above zero"
    except InvalidOperation:
        return "the price is not a number"
    if not row["stock"].isdecimal():
        return "the stock is not a whole number"
    return None


def write_table(products):
    import boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    with table.batch_writer(overwrite_by_pkeys=["sku"]) as batch:
        for product in products:
            batch.put_item(Item=product)


def write_folder(products):
    """One file for each product, replaced as a whole."""
    folder = Path(os.environ["PRODUCTS_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    for product in products:
        part = folder / f".{uuid.uuid4()}"
        part.write_text(json.dumps(product))
        part.replace(folder / f"{product['sku']}.json")
