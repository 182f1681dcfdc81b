FROM php:7.4-apache

MAINTAINER someone@example.org

ENV APACHE_DOCUMENT_ROOT /var/www/html/public
ENV DB_HOST=localhost DB_PORT=3306
ENV DB_PASSWORD=changeme
ARG GITHUB_TOKEN
LABEL vendor example corporation

RUN apt-get update && \
    apt-get install -y \
        git \
        zip \
        unzip \

        libzip-dev \
        libpng-dev \
        libicu-dev && \
    docker-php-ext-configure intl && \
    docker-php-ext-install -j"$(nproc)" \
        pdo_mysql zip gd intl opcache && \
    a2enmod rewrite headers

RUN sed -ri -e 's!/var/www/html!${APACHE_DOCUMENT_ROOT}!g' /etc/apache2/sites-available/*.conf
RUN sed -ri -e 's!/var/www/!${APACHE_DOCUMENT_ROOT}!g' /etc/apache2/apache2.conf /etc/apache2/conf-available/*.conf

ADD https://getcomposer.org/download/latest-stable/composer.phar /usr/local/bin/composer
RUN chmod +x /usr/local/bin/composer
COPY . /var/www/html
RUN chown -R www-data:www-data /var/www/html
RUN composer config -g github-oauth.github.com ${GITHUB_TOKEN} && composer install --no-dev --optimize-autoloader

EXPOSE 80/TCP
CMD apache2-foreground
CMD ["apache2-foreground"]
