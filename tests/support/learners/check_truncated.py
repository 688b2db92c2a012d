from truncated import RNN

STYLE = dict(axes="TF", inputs="numbers", h_0="zero", hidden_bias="none",
             output_bias=False, loss="cross-entropy mean")


def solve(p):
    net = RNN(p.I, p.H)
    net.U, net.V, net.W = p.w_x, p.w_y, p.w_h
    gradients = zip(("dw_x", "dw_y", "dw_h"), net.bptt(p.x, p.target))
    return dict(gradients, probabilities=net.forward(p.x)[0])
