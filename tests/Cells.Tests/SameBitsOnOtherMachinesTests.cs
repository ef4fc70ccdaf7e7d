namespace StreamRnn.Cells.Tests;

/// <summary>The runtime and the C library are told to do without parts of this machine; the numbers must not notice.</summary>
[Trait("speed", "slow")]
public class SameBitsOnOtherMachinesTests
{
    private static readonly string Here = Fingerprint.Compute();

    [Fact]
    public void Without_512_bit_vectors()
    {
        (int lane, string hash) = Fingerprint.InProcessWith(("DOTNET_EnableAVX512", "0"));
        Assert.InRange(lane, 4, 8);
        Assert.Equal(Here, hash);
    }

    [Fact]
    public void Without_256_bit_vectors_and_hardware_multiply_add()
    {
        (int lane, string hash) = Fingerprint.InProcessWith(("DOTNET_EnableAVX2", "0"));
        Assert.Equal(4, lane);
        Assert.Equal(Here, hash);
    }

    [Fact]
    public void With_narrow_vectors_preferred() =>
        Assert.Equal(Here, Fingerprint.InProcessWith(("DOTNET_PreferredVectorBitWidth", "128")).Hash);

    [Fact]
    public void Without_any_hardware_intrinsics() =>
        Assert.Equal(Here, Fingerprint.InProcessWith(("DOTNET_EnableHWIntrinsic", "0")).Hash);

    [Fact]
    public void Without_the_C_librarys_own_vector_code() =>
        Assert.Equal(Here, Fingerprint.InProcessWith(("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-FMA,-AVX2")).Hash);
}
