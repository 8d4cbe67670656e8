using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmbeddedMq.RabbitMq.Hosting;

/// <summary>Trust in the authorities of a file instead of those of the operating system: what a company's own authority needs.</summary>
/// <remarks>Only the question whom to trust is answered here. Everything else stays as it was: a certificate for another host, or none, is
/// refused. Revocation is not looked up, as without such a file. Immutable.</remarks>
internal sealed class TlsTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2Collection _authorities;

    private TlsTrust(X509Certificate2Collection authorities) => _authorities = authorities;

    /// <summary>Reads the authorities.</summary>
    /// <param name="path">A PEM file with one or more certificates.</param>
    /// <exception cref="ArgumentException">There is no such file, or no certificate in it.</exception>
    internal static TlsTrust Load(string path)
    {
        X509Certificate2Collection authorities = [];
        try
        {
            authorities.ImportFromPemFile(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ArgumentException($"RabbitMqOptions.TlsAuthorityPath '{path}' cannot be read: {error.Message}", nameof(path), error);
        }

        return authorities.Count > 0
            ? new TlsTrust(authorities)
            : throw new ArgumentException($"RabbitMqOptions.TlsAuthorityPath '{path}' holds no certificate. Name a PEM file with the authority's certificate.", nameof(path));
    }

    /// <summary>Whether a server's certificate is to be accepted; has the shape of <see cref="RemoteCertificateValidationCallback"/>.</summary>
    /// <param name="sender">The stream.</param>
    /// <param name="certificate">What the server showed.</param>
    /// <param name="chain">The chain that was built with the system's authorities.</param>
    /// <param name="errors">What was found wrong with it.</param>
    internal bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is not X509Certificate2 shown || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }

        using X509Chain own = new();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (chain is not null)
        {
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore); // authorities in between, as the server sent them
        }

        return own.Build(shown);
    }
}
