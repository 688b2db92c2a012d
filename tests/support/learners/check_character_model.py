import character_model as m

STYLE = dict(axes="TF1", bias="F1", inputs="numbers", loss="cross-entropy sum")


def solve(p):
    m.Wxh, m.Whh, m.Why, m.bh, m.by = p.w_x, p.w_h, p.w_y, p.b_h, p.b_y
    m.vocabulary = p.O
    found = m.loss_and_gradients(p.x, p.target, p.h_0)
    return dict(zip(("loss", "dw_x", "dw_h", "dw_y", "db_h", "db_y", "h_n"), found))
