import numpy as np
import pytest
from scipy import linalg

from bitlight.heads import cholesky
from bitlight.heads.cholesky import solve_shifted
from bitlight.heads.kernel import Dense
from bitlight.heads.place import Memory


def system_of(spread, n=60):
    """A matrix whose eigenvalues go from 1 to 10^spread."""
    rng = np.random.default_rng(0)
    basis = linalg.qr(rng.normal(size=(n, n)))[0]
    return basis * np.logspace(0, spread, n) @ basis.T, rng.normal(size=(n, 3))


def counting(monkeypatch):
    dtypes = []
    factor = cholesky._factor

    def counted(system, alpha, dtype):
        dtypes.append(dtype)
        return factor(system, alpha, dtype)

    monkeypatch.setattr(cholesky, "_factor", counted)
    return dtypes


@pytest.mark.parametrize(
    ("spread", "used"),
    [(1, [np.float32]), (5, [np.float32]), (12, [np.float32, np.float64])],
)
def test_as_exact_as_in_float64(monkeypatch, spread, used):
    dtypes = counting(monkeypatch)
    matrix, right = system_of(spread)
    found = solve_shifted(Dense(matrix, Memory()), 1e-3, right)
    assert dtypes == used
    expected = linalg.solve(matrix + 1e-3 * np.eye(60), right, assume_a="pos")
    assert np.allclose(found, expected, atol=1e-9 * 10 ** max(0, spread - 6), rtol=1e-9)


def test_corrections_end_early_where_that_is_enough():
    matrix, right = system_of(4)
    rough = solve_shifted(Dense(matrix, Memory()), 1.0, right, settled=1e-2)
    exact = solve_shifted(Dense(matrix, Memory()), 1.0, right)
    error = linalg.norm(rough - exact) / linalg.norm(exact)
    assert 1e-15 < error < 1e-4


def test_a_wrong_solver_is_not_believed():
    system = Dense(np.eye(4), Memory())
    right = np.ones((4, 1))
    assert cholesky._refined(system, 0.0, right, lambda r: 3 * r, 1e-11) is None


def test_a_matrix_that_is_not_positive_is_refused():
    with pytest.raises(linalg.LinAlgError):
        solve_shifted(Dense(-np.eye(4), Memory()), 0.5, np.ones((4, 1)))
