from adam_by_dict import Adam

ADAM = dict(arrays="dict")


def updates(p):
    adam = Adam(p.params, p.lr, p.beta_1, p.beta_2, p.eps)
    for i, grads in enumerate(p.grads):
        adam.update(grads, i)
        yield p.params
