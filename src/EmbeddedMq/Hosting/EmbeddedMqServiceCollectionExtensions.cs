using EmbeddedMq.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace EmbeddedMq;

/// <summary>Registers brokers in an application's services.</summary>
/// <remarks>
/// <para>For each broker: <see cref="IBroker"/>, <see cref="IPublisher"/>, <see cref="IMessageStates"/> and, if asked for, <see cref="IOutbox"/>,
/// without a key for the default one, keyed by its name for a named one, and a hosted service that starts and stops it. Start: broker and
/// topology before any other hosted service starts, consumers and the outbox's relay after all have started. Stop: consumers and relay before any
/// other hosted service stops, the broker after all have stopped.</para>
/// <para>Broker and publisher can be used without the host, too: the first use starts the broker and declares the topology.</para>
/// <para>Options are read from the section <c>EmbeddedMq</c>, those of a named broker from <c>EmbeddedMq:Brokers:name</c>, if the application
/// has an <see cref="IConfiguration"/>; what code sets wins. All of it is checked at start, and every mistake, a setting that nobody reads
/// among them, is in one <see cref="OptionsValidationException"/>.</para>
/// </remarks>
public static class EmbeddedMqServiceCollectionExtensions
{
    private const string SectionName = "EmbeddedMq";

    /// <summary>Registers the default broker, bare: an application declares what it needs through <see cref="IBroker"/>.</summary>
    /// <param name="services">The application's services.</param>
    public static IServiceCollection AddEmbeddedMq(this IServiceCollection services) => Add(services, Options.DefaultName, null);

    /// <summary>Registers the default broker. Called again it adds to it.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Topology, routes, consumers and options.</param>
    public static IServiceCollection AddEmbeddedMq(this IServiceCollection services, Action<IEmbeddedMqBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, Options.DefaultName, configure);
    }

    /// <summary>Registers a broker under a name, beside others. Called again for the same name it adds to it.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="name">The name: the key of its services, not empty.</param>
    /// <param name="configure">Topology, routes, consumers and options; <see langword="null"/> for a bare broker.</param>
    public static IServiceCollection AddEmbeddedMq(this IServiceCollection services, string name, Action<IEmbeddedMqBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Add(services, name, configure);
    }

    private static IServiceCollection Add(IServiceCollection services, string name, Action<IEmbeddedMqBuilder>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        EmbeddedMqBuilder? builder = FindBuilder(services, name);
        if (builder is null)
        {
            builder = new EmbeddedMqBuilder(name, services);
            Register(services, builder);
        }

        configure?.Invoke(builder);
        return services;
    }

    private static EmbeddedMqBuilder? FindBuilder(IServiceCollection services, string name)
        => services.FirstOrDefault(service => service.ServiceType == typeof(EmbeddedMqBuilder) && Equals(service.ServiceKey, name))
            ?.KeyedImplementationInstance as EmbeddedMqBuilder;

    private static void Register(IServiceCollection services, EmbeddedMqBuilder builder)
    {
        string name = builder.Name;
        services.AddKeyedSingleton(name, builder);
        services.AddOptions<BrokerOptions>(name).Configure<IServiceProvider>((options, provider) => Read(options, provider, name));
        services.AddOptions<MessageBusOptions>(name).Configure<IServiceProvider>((options, provider) => Read(options, provider, name));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<BrokerOptions>, BrokerOptionsValidator>());
        services.TryAddSingleton(static provider => new EmbeddedStores(provider));
        services.AddKeyedSingleton(name, (provider, _) => new BrokerHost(builder, provider));
        services.AddKeyedSingleton<IBroker>(name, (provider, _) => new HostedBroker(Host(provider, name)));
        services.AddKeyedSingleton(name, (provider, _) => Host(provider, name).Bus.Publisher);
        services.AddKeyedSingleton(name, (provider, _) => Host(provider, name).Bus.States);
        services.AddSingleton<IHostedService>(provider => new BrokerHostedService(Host(provider, name), provider.GetRequiredService<IOptions<HostOptions>>()));
        if (name == Options.DefaultName)
        {
            services.AddSingleton(provider => provider.GetRequiredKeyedService<IBroker>(name));
            services.AddSingleton(provider => provider.GetRequiredKeyedService<IPublisher>(name));
            services.AddSingleton(provider => provider.GetRequiredKeyedService<IMessageStates>(name));
        }
    }

    private static BrokerHost Host(IServiceProvider provider, string name) => provider.GetRequiredKeyedService<BrokerHost>(name);

    // The first of the broker's configuration steps, so that what code sets later wins.
    private static void Read(BrokerOptions options, IServiceProvider provider, string name)
    {
        if (name.Length > 0)
        {
            options.Name = name;
        }

        options.TimeProvider = provider.GetService<TimeProvider>() ?? options.TimeProvider;
        options.LoggerFactory = provider.GetService<ILoggerFactory>();
        if (Section(provider, name) is { } section)
        {
            section.Bind(options);
        }
    }

    private static void Read(MessageBusOptions options, IServiceProvider provider, string name)
    {
        if (Section(provider, name) is { } section)
        {
            section.Bind(options);
        }
    }

    /// <summary>The part of the application's configuration that is a broker's, or <see langword="null"/> where there is no configuration.</summary>
    /// <param name="provider">The application's services.</param>
    /// <param name="name">The broker's name; empty for the one without a key.</param>
    internal static IConfigurationSection? Section(IServiceProvider provider, string name)
    {
        IConfigurationSection? section = provider.GetService<IConfiguration>()?.GetSection(SectionName);
        return name.Length == 0 ? section : section?.GetSection("Brokers").GetSection(name);
    }
}
