from one_matrix import Network

STYLE = dict(axes="TF", bias="F1", joined="hx", h_0="zero",
             loss="half sum of squares", rate=0.1)


def solve(p):
    net = Network(p.I, p.H, p.O)
    net.W, net.b, net.V, net.c = p.w, p.b_h, p.w_y, p.b_y
    y, loss = net.predict(p.x), net.fit_step(p.x, p.target, p.rate)
    return dict(y=y, loss=loss, w=net.W, b_h=net.b, w_y=net.V, b_y=net.c)
