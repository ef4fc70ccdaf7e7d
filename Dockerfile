# syntax=docker/dockerfile:1
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/Worker/Worker.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .

# The image's own unprivileged user; the worker writes nothing.
USER $APP_UID
ENV StreamRnn__Probes__Port=8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s CMD ["dotnet", "streamrnn.dll", "health"]
ENTRYPOINT ["dotnet", "streamrnn.dll"]
CMD ["run"]
