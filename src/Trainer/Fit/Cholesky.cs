namespace StreamRnn.Trainer.Fit;

/// <summary>Solves A x = b for a symmetric positive definite A by its factors L L'.</summary>
internal static class Cholesky
{
    /// <param name="a">[n, n], of which the lower triangle is read; overwritten by L.</param>
    /// <param name="b">[n]; overwritten by x.</param>
    public static void Solve(Span<double> a, Span<double> b)
    {
        int n = b.Length;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = a[i * n + j];
                for (int k = 0; k < j; k++)
                    sum -= a[i * n + k] * a[j * n + k];
                a[i * n + j] = i == j ? Math.Sqrt(Math.Max(sum, 1e-300)) : sum / a[j * n + j];
            }
        }
        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < i; k++)
                b[i] -= a[i * n + k] * b[k];
            b[i] /= a[i * n + i];
        }
        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++)
                b[i] -= a[k * n + i] * b[k];
            b[i] /= a[i * n + i];
        }
    }
}
